// The `windtunnel` command: the root of its subcommands.

import ArgumentParser

@main
struct Windtunnel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "windtunnel",
    abstract: "A wind tunnel for distributed services: fly them under faults and load, in virtual time.",
    subcommands: [BenchCommand.self])
}
