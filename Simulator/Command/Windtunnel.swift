// The `windtunnel` command: the root of its subcommands, and its exit codes.
//
// 0: all held. 1: a check failed. 2: bad usage or bad input. 3: could not run.

import ArgumentParser
import Foundation

/// What the command ends with.
enum Exit {
  /// All promises held.
  static let held = ExitCode(0)
  /// A check failed.
  static let failed = ExitCode(1)
  /// The command line or a file is wrong.
  static let badInput = ExitCode(2)
  /// Something that the command needs could not be had.
  static let couldNotRun = ExitCode(3)
}

/// Bad usage or bad input, with a message for people.
struct InputProblem: Error, CustomStringConvertible {
  /// Where and what was expected.
  var description: String
  /// What the command ends with.
  var exitCode = Exit.badInput
}

@main
struct Windtunnel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "windtunnel",
    abstract: "A wind tunnel for distributed services: fly them under faults and load, in virtual time.",
    discussion: """
      EXAMPLES
        windtunnel run                                   fly the smoke suite
        windtunnel run queue-crash-under-load --seeds 1..100 --report out
        windtunnel replay queue-crash-under-load --seed 7 --trace
        windtunnel mutants                               plant each known bug and see it caught
        windtunnel verify monitoring --url http://127.0.0.1:8080
        windtunnel linearize history.jsonl
        windtunnel list

      EXIT CODES
        0 all held, 1 a check failed, 2 bad usage or bad input, 3 could not run
      """,
    subcommands: [
      RunCommand.self, ReplayCommand.self, VerifyCommand.self, BrokersCommand.self, LinearizeCommand.self, MutantsCommand.self,
      ServeCommand.self,
      FeedCommand.self, ListCommand.self, DeterminismCommand.self, DeterminismControlCommand.self, BenchCommand.self,
    ])

  /// Parses and runs, with our own exit codes: the parser's would be 64 for bad usage.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let problem as InputProblem {
      FileHandle.standardError.write(Data("windtunnel: \(problem)\n".utf8))
      Foundation.exit(problem.exitCode.rawValue)
    } catch let code as ExitCode {
      Foundation.exit(code.rawValue)
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code == .success {
        print(text)
        Foundation.exit(Exit.held.rawValue)
      }
      FileHandle.standardError.write(Data((text + "\n").utf8))
      Foundation.exit(code == .validationFailure ? Exit.badInput.rawValue : Exit.couldNotRun.rawValue)
    }
  }
}
