// The `windtunnel` command: the root of its subcommands, and its exit codes.
//
// 0: all held. 1: a check failed. 2: bad usage or bad input. 3: could not run, was asked to end before it was through,
// or could not write what it found. Where a check failed and something could not be written too, 1 stays.

import ArgumentParser
import Console
import Foundation
import Launching
import Reports
import Wire

@main
struct Windtunnel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "windtunnel",
    abstract: "A wind tunnel for distributed services: fly them under faults and load, in virtual time.",
    discussion: """
      EXAMPLES
        windtunnel run                          fly the smoke suite
        windtunnel run \(Example.scenario) --seeds 1..100 --report out
        windtunnel replay \(Example.scenario) --seed 7 --trace
        windtunnel mutants                      plant known bugs, see them caught
        windtunnel verify \(Example.system) --at http://127.0.0.1:8080
        windtunnel linearize history.jsonl
        windtunnel coverage --gaps              what of the requirements is checked
        windtunnel list
        windtunnel calibrate --out costs.yaml   measure this machine
        windtunnel init my-scenarios            copy scenarios and cases out

      EXIT CODES
        0  all held
        1  a check failed
        2  bad usage or bad input
        3  could not run, was stopped, or could not write what it found
      """,
    version: ProductVersion.withCommit,
    subcommands: [
      RunCommand.self, ReplayCommand.self, VerifyCommand.self, LinearizeCommand.self, MutantsCommand.self, ServeCommand.self,
      CoverageCommand.self, ListCommand.self, InitCommand.self, DeterminismCommand.self, DeterminismControlCommand.self, BenchCommand.self,
      CalibrateCommand.self, FlightWorkerCommand.self,
    ] + Systems.entries.flatMap(\.commands.verbs))

  /// Parses and runs, with our own exit codes: the parser's would be 64 for bad usage.
  static func main() async {
    Output.begin()
    var parsed: (any ParsableCommand.Type)?
    do {
      let arguments = listingAlone(negativeValuesJoined(Array(CommandLine.arguments.dropFirst())))
      try checkNames(arguments)
      try checkOldForms(arguments)
      let command = try parseAsRoot(arguments)
      parsed = type(of: command)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        nonisolated(unsafe) let verb = command
        // It blocks while it waits for flights, or for other processes.
        try await OwnThread.run {
          var verb = verb
          try verb.run()
        }
      }
      Output.end(Exit.held.rawValue)
    } catch let problem as InputProblem {
      Output.note("windtunnel: \(problem)")
      Output.end(problem.exitCode.rawValue)
    } catch let error as ValidationError {
      // The parser would show the usage of the root.
      var text = "Error: \(error.message)"
      if let parsed { text += "\nUsage: \(usageString(for: parsed))\n  See '\(commandPath(of: parsed)) --help' for more information." }
      Output.note(text)
      Output.end(Exit.badInput.rawValue)
    } catch let code as ExitCode {
      Output.end(code.rawValue)
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code == .success {
        Output.line(text)
        Output.end(Exit.held.rawValue)
      }
      Output.note(text)
      Output.end(code == .validationFailure ? Exit.badInput.rawValue : Exit.couldNotRun.rawValue)
    }
  }

  /// Its words: "windtunnel bench kernel".
  private static func commandPath(of command: any ParsableCommand.Type) -> String {
    func path(_ known: [any ParsableCommand.Type]) -> [String]? {
      for one in known {
        let name = one.configuration.commandName ?? ""
        if one == command { return [name] }
        if let rest = path(one.configuration.subcommands) { return [name] + rest }
      }
      return nil
    }
    return (path([Windtunnel.self]) ?? ["windtunnel"]).joined(separator: " ")
  }

  /// `--seed -1` as `--seed=-1`: to the parser a word with a minus sign is an option, and the value would be missing.
  /// No option begins with a digit.
  private static func negativeValuesJoined(_ arguments: [String]) -> [String] {
    var joined: [String] = []
    for (index, word) in arguments.enumerated() {
      if word == "--" { return joined + arguments[index...] }
      let second = word.utf8.dropFirst().first
      let isNegative = word.hasPrefix("-") && second.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
      if isNegative, let last = joined.last, last.hasPrefix("--"), !last.contains("=") {
        joined[joined.count - 1] += "=\(word)"
      } else {
        joined.append(word)
      }
    }
    return joined
  }

  /// `bench --list NAME` as `bench --list`: to the parser the name is the command that is to be run.
  private static func listingAlone(_ arguments: [String]) -> [String] {
    arguments.prefix(2).elementsEqual(["bench", "--list"]) && !arguments.contains { ["-h", "--help"].contains($0) }
      ? ["bench", "--list"] : arguments
  }

  /// Throws where `arguments` have an option that there is no more, and names what is in its place.
  private static func checkOldForms(_ arguments: [String]) throws {
    if arguments.first == "serve", let option = arguments.dropFirst().first, option.hasPrefix("-"), !["-h", "--help"].contains(option) {
      let names = Systems.entries.flatMap(\.commands.serving).compactMap { $0.configuration.commandName }
      throw InputProblem(
        description: "serve: expected what is served before \(option): \(names.map { "windtunnel serve \($0)" }.joined(separator: ", "))")
    }
    guard arguments.first == "verify" else { return }
    let services = Systems.services.values.flatMap { $0 }
    for argument in arguments.dropFirst() where argument.hasPrefix("--") {
      let option = String(argument.dropFirst(2).prefix { $0 != "=" })
      guard option == "url" || services.contains(option) else { continue }
      throw InputProblem(
        description: "there is no option --\(option) any more: expected --at \(option == "url" ? "" : "\(option)=")http://HOST:PORT")
    }
  }

  /// Throws where the words of `arguments` that should name a command name none; the parser would speak of an
  /// unexpected argument.
  private static func checkNames(_ arguments: [String]) throws {
    var known = configuration.subcommands
    var path = "windtunnel"
    for word in arguments {
      guard !known.isEmpty, !word.hasPrefix("-") else { return }
      // `help` stands before the names of the command that is asked about.
      if word == "help" { continue }
      if let found = known.first(where: { $0.configuration.commandName == word }) {
        known = found.configuration.subcommands
        path += " \(word)"
        continue
      }
      let names = known.filter { $0.configuration.shouldDisplay }.compactMap { $0.configuration.commandName }
      throw InputProblem(
        description: NameText.unknown("command of \(path)", word, among: names, list: "there are \(names.joined(separator: ", "))"))
    }
  }
}
