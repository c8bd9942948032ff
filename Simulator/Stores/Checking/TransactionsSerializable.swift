// Transactions of a relational store are serializable in the order of their answers, and what was answered survives: what all
// accounts hold together never changes, each change of an account is seen under one version of its own, versions rise as
// answers do, and in the end every transfer that was answered is there, and counted.

import Checking
import StoresAPI
import StoresLoad
import Vocabulary
import Wire

extension NodeRole {
  /// The relational store.
  public static let store = NodeRole("store")
}

/// Checks transactions.
public struct TransactionsSerializable: Checker {
  private let accounts: Int

  /// A checker of transfers between so many accounts.
  public init(accounts: Int) { self.accounts = accounts }

  public var name: String { "transactions are serializable" }
  public var requirements: [String] { [] }

  private struct Account {
    var id: Int64
    var balance: Int64
    var version: Int64
  }

  /// What one transaction that was answered showed of accounts.
  private struct Seen {
    var accounts: [Account]
    /// The transfer that it made; nil of a read.
    var transfer: String?
    /// The transfers that it found; nil where it did not ask.
    var transfers: [(id: String, source: Int64, target: Int64)]?
    var startedAt: Instant
    var endedAt: Instant
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let seen = record.exchanges(to: .store).compactMap { self.seen($0) }.sorted { $0.endedAt < $1.endedAt }
    var violations = sums(seen) + versions(seen)
    if let last = seen.last(where: { $0.transfers != nil }) { violations += ends(last, seen) }
    return judgement(violations, examined: "\(counted(seen.count, "transaction"))", count: seen.count)
  }

  private func seen(_ exchange: ExchangeRecord) -> Seen? {
    guard exchange.request.head.target.hasPrefix("/transactions"), case .answered(let response) = exchange.outcome, response.status == 200,
      let steps = try? exchange.request.document().member("steps").elements(maximum: 1_000),
      let results = try? response.document().member("results").elements(maximum: 1_000), steps.count == results.count
    else { return nil }
    var seen = Seen(accounts: [], startedAt: exchange.startedAt, endedAt: exchange.endedAt)
    for (step, result) in zip(steps, results) {
      if let row = try? step.optionalMember("row"), (try? step.member("insert").string(maximumBytes: 63)) == "transfers" {
        seen.transfer = try? row.member("id").string(maximumBytes: 99)
      }
      guard let table = try? step.member("select").string(maximumBytes: 63),
        let rows = try? result.member("rows").elements(maximum: 100_000)
      else { continue }
      if table == "accounts" { seen.accounts = rows.compactMap { try? Self.account($0) } }
      if table == "transfers" { seen.transfers = rows.compactMap { try? Self.transfer($0) } }
    }
    return seen.accounts.isEmpty ? nil : seen
  }

  private static func account(_ row: JSONField) throws(FieldMistake) -> Account {
    Account(id: try row.member("id").integer(), balance: try row.member("balance").integer(), version: try row.member("version").integer())
  }

  private static func transfer(_ row: JSONField) throws(FieldMistake) -> (id: String, source: Int64, target: Int64) {
    (try row.member("id").string(maximumBytes: 99), try row.member("source").integer(), try row.member("target").integer())
  }

  private func sums(_ seen: [Seen]) -> [Violation] {
    let expected = Int64(accounts) * StoreLoadPlan.firstBalance
    return seen.compactMap { one in
      guard one.transfer == nil, one.accounts.count == accounts else { return nil }
      let sum = one.accounts.reduce(0) { $0 + $1.balance }
      return sum == expected ? nil : Violation(at: one.endedAt, "all accounts hold \(sum) together, and \(expected) at first")
    }
  }

  private func versions(_ seen: [Seen]) -> [Violation] {
    var violations: [Violation] = []
    for id in 0..<Int64(accounts) {
      var made: [Int64: String] = [:]
      /// The greatest version that was seen by whoever was answered before a moment: moments rise.
      var known: [(at: Instant, version: Int64)] = []
      for one in seen {
        guard let account = one.accounts.first(where: { $0.id == id }) else { continue }
        if let transfer = one.transfer, let other = made.updateValue(transfer, forKey: account.version) {
          violations.append(Violation(at: one.endedAt, "\(other) and \(transfer) both left account \(id) in version \(account.version)"))
        }
        let before = known.last { $0.at < one.startedAt }?.version ?? 0
        if account.version < before || one.transfer != nil && account.version == before && before > 0 {
          let what = one.transfer.map { "the transfer \($0) left" } ?? "a read found"
          violations.append(
            Violation(
              at: one.endedAt, "\(what) account \(id) in version \(account.version), and version \(before) had been answered before"))
        }
        if account.version > known.last?.version ?? -1 { known.append((one.endedAt, account.version)) }
      }
    }
    return violations
  }

  private func ends(_ last: Seen, _ seen: [Seen]) -> [Violation] {
    let transfers = last.transfers ?? []
    let ids = Set(transfers.map(\.id))
    var violations = seen.compactMap { one -> Violation? in
      guard let transfer = one.transfer, one.endedAt < last.startedAt, !ids.contains(transfer) else { return nil }
      return Violation(at: one.endedAt, "the transfer \(transfer) was answered and is not there in the end")
    }
    for account in last.accounts {
      let changes = transfers.count { $0.source == account.id || $0.target == account.id }
      if Int64(changes) != account.version {
        violations.append(Violation("account \(account.id) is in version \(account.version) in the end, behind \(changes) transfers"))
      }
    }
    return violations
  }
}
