// How alerting's state is kept: changes in a journal; where it has grown long the whole state is written anew behind
// them, and once that is durable the older segments go. Every change can be applied again without harm, so a crash in
// between loses nothing. Serves MONITORING-23, 24.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

extension Alerting {
  /// Journals changes, together. Nothing is kept where this throws.
  mutating func append(_ changes: [AlertingChange], _ turn: borrowing Turn) throws(JournalError) {
    var changes = changes
    if !isInstallationJournalled { changes.insert(identity, at: 0) }
    guard try journal?.append(AlertingChange.encoded(changes), to: turn.disk) != nil else { throw .notHeld(JournalPosition(0)) }
    isInstallationJournalled = true
  }

  private var identity: AlertingChange { .identity(installation: installation, nextNumber: nextNumber) }

  // MARK: recovery

  mutating func recover(_ turn: inout Turn) throws(JournalError) {
    // The visitor must not touch the machine while the journal is read: it works on a copy that is moved back.
    var copy = self
    let recovered = try Journal.recover(from: turn.disk, segmentBytes: max(1 << 16, configuration.compactionBytes / 4)) {
      (location, payload) throws(JournalError) in
      do throws(ByteError) {
        for change in try AlertingChange.decoded(payload) { copy.apply(change) }
      } catch {
        throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of alerting: \(error)")
      }
    }
    self = copy
    journal = recovered.journal
    isInstallationJournalled = installation != 0
    turn.observe(
      .journalRecovered, subject: UInt64(recovered.recovery.records), value: UInt64(recovered.recovery.tornBytes))
  }

  private mutating func apply(_ change: AlertingChange) {
    switch change {
    case .identity(let installation, let nextNumber):
      self.installation = installation
      self.nextNumber = max(self.nextNumber, nextNumber)
    case .rule(let entry):
      rules[entry.number] = entry
      numberOfName[ExactName(entry.rule.name)] = entry.number
      nextNumber = max(nextNumber, entry.number + 1)
    case .removed(let number):
      if let name = rules.removeValue(forKey: number)?.rule.name { numberOfName[ExactName(name)] = nil }
    case .state(let number, let state, let value, let transitions):
      rules[number]?.state = state
      rules[number]?.value = value
      rules[number]?.transitions = transitions
    case .notification(let notification):
      // Where its channel is no longer configured it waits for the channel to come back.
      channels[notification.id.channel, default: ChannelQueue()].take(notification)
    case .settled(let id): channels[id.channel]?.settle(id)
    }
  }

  // MARK: compaction

  /// Called at the end of a turn only: what is written anew is the state in memory, which must hold every change in the
  /// journal.
  mutating func compactIfLong(_ turn: inout Turn) {
    guard discarding == nil, let bytes = journal?.fileBytes, bytes > max(configuration.compactionBytes, 4 * stateBytes) else { return }
    do throws(JournalError) {
      try journal?.rotate(on: turn.disk)
      guard let position = journal?.end else { return }
      for part in wholeState() { _ = try journal?.append(AlertingChange.encoded(part), to: turn.disk) }
      invariant(
        journal.map { $0.end > position } ?? false, "the state was written anew from \(position.bytes) to \(journal?.end.bytes ?? 0)")
      stateBytes = Int((journal?.end.bytes ?? 0) - position.bytes)
      discarding = (position, turn.notifyWhenDurable())
    } catch {
      // A full disk: what was written is harmless, and the next change tries again.
      return
    }
  }

  /// Everything, in parts that each fit a record.
  private func wholeState() -> [[AlertingChange]] {
    var changes: [AlertingChange] = [identity]
    for number in rules.keys.sorted() {
      if let entry = rules[number] { changes.append(.rule(entry)) }
    }
    for name in channels.keys.sorted() {
      for one in channels[name]?.waiting ?? [] { changes.append(.notification(one.notification)) }
    }
    var parts: [[AlertingChange]] = []
    var bytes = 1 << 20
    for change in changes {
      // A change takes at most about 20 KiB; a record holds 16 MiB.
      let more = AlertingChange.encoded([change]).count
      if bytes + more > 1 << 20 {
        parts.append([])
        bytes = 0
      }
      parts[parts.count - 1].append(change)
      bytes += more
    }
    return parts
  }

  mutating func discardOld(_ turn: inout Turn) {
    guard let pending = discarding, pending.durable <= turn.disk.durablePosition else { return }
    discarding = nil
    // What cannot be deleted now is deleted with the next compaction.
    try? journal?.discard(before: pending.position, on: turn.disk)
  }
}
