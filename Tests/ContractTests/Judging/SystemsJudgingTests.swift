// The contract cases of the stores and of model services judge their reference: all pass in simulation, whatever the seed,
// and each planted bug that names a case is caught by it.

import ContractJudging
import ContractTests
import Flight
import Foundation
import ModelServicesFlight
import OpenAPI
import StoresFlight
import TestBench
import Testing
import Vocabulary

/// The systems that are judged here.
private let systems: [any FlownSystem] = [CacheSystem(), StoreSystem(), ModelsSystem()]

/// The cases of a system.
private func cases(of system: any FlownSystem) throws -> [ContractCase] {
  let services = try #require(system.contract).services
  return try services.flatMap { service in
    let path = Repository.file("ContractTests/\(system.name)/\(service).yaml").path
    return try ContractFile(yaml: try String(contentsOfFile: path, encoding: .utf8), file: path, systems: [system.name: services]).cases
  }
}

/// The documents of its services.
private func documents(of system: any FlownSystem) throws -> [String: OpenAPIDocument] {
  var documents: [String: OpenAPIDocument] = [:]
  for service in try #require(system.contract).services {
    let path = Repository.file("ContractTests/\(system.name)/OpenAPI/\(service).yaml").path
    documents[service] = try OpenAPIDocument(yaml: try String(contentsOfFile: path, encoding: .utf8), file: path)
  }
  return documents
}

struct SystemsJudgingTests {
  @Test(arguments: ["cache", "store", "models"]) func theReferencePassesAllCases(_ name: String) throws {
    let system = try #require(systems.first { $0.name == name })
    let (contract, documents, cases) = (try #require(system.contract), try documents(of: system), try cases(of: system))
    #expect(cases.count >= 25)
    for seed in UInt64(1)...3 {
      for contractCase in cases {
        let verdict = SimulatedJudge(contract, documents: documents, seed: seed).judge(contractCase)
        #expect(verdict.passed, "seed \(seed), \(contractCase.place): \(verdict.outcome)")
      }
    }
  }

  @Test func plantedBugsAreCaughtByTheCasesThatTheyName() throws {
    var caught = 0
    for system in systems {
      let (contract, cases) = (try #require(system.contract), try cases(of: system))
      for mutant in system.mutants {
        for id in mutant.catchers where id.split(separator: "/").count == 3 {
          let contractCase = try #require(cases.first { $0.id == id }, "\(mutant.name) names \(id), which is not there")
          let verdict = SimulatedJudge(contract, planted: [mutant]).judge(contractCase)
          guard case .failed = verdict.outcome else {
            Issue.record("\(id) does not catch \(mutant.name): \(verdict.outcome)")
            continue
          }
          caught += 1
        }
      }
    }
    #expect(caught >= 45)
  }
}
