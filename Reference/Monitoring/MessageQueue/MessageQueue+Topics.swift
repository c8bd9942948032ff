// Topics: creating, listing, and what is asked of one that is not known here.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

extension MessageQueue {
  mutating func createTopic(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let description = try request.decoded(TopicDescription.init(_:))
    if sameBytes(description.name, QueueAPI.setAsideTopic), description != TopicDescription(name: QueueAPI.setAsideTopic) {
      throw RequestProblem(
        409, code: "TOPIC_RESERVED", message: "\(QueueAPI.setAsideTopic) is for what storage cannot keep: it has no settings of a client's",
        field: "name")
    }
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    guard registry.hasRoom(for: description.name) else {
      // Topics are neither deleted nor changed: what is known here holds also where another broker leads by now.
      return turn.reply(exchange, created(description, isNew: false), .immediately)
    }
    let founders = server.group(Self.registryGroup)?.membership.voters ?? []
    propose(.topic(description, founders: founders), .topic(exchange, description), exchange, &turn)
  }

  /// Proposes a command of the registry.
  mutating func propose(_ entry: RegistryEntry, _ continuation: Proposed.Continuation, _ exchange: ExchangeID, _ turn: inout Turn) {
    do throws(ProposalRefusal) {
      let position = try server.propose(entry.encoded(), to: Self.registryGroup, turn.disk)
      proceed(at: position, of: Self.registryGroup, with: continuation)
    } catch {
      turn.reply(exchange, Self.refusal(error), .immediately)
    }
  }

  /// What is answered once a topic's entry is applied.
  func created(_ description: TopicDescription, isNew: Bool) -> Response {
    guard let number = registry.number(of: description.name) else {
      return .failure(409, code: "TOO_MANY_TOPICS", message: "there are \(TopicRegistry.maximumTopics) topics already")
    }
    guard registry.topics[number].description == description else {
      return .failure(409, code: "TOPIC_EXISTS", message: "there is a topic of this name that is set up otherwise", field: "name")
    }
    return .json(isNew ? 201 : 200) { writer in
      writer.beginObject()
      description.write(to: &writer)
      writer.member("partitions", QueueAPI.partitionCount)
      writer.endObject()
    }
  }

  /// A request for a topic that is not known here: the registry's leader knows, and whoever it sends the request to
  /// waits until it knows too.
  mutating func unknownTopic(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    if server.isLeader(of: Self.registryGroup) {
      return ask(Self.registryGroup, .topic, exchange, request, turn.now)
    }
    if hops(of: request) > 0 { return park(exchange, request, .topic(moreThan: registry.topics.count), &turn) }
    hand(exchange, request, toLeaderOf: Self.registryGroup, &turn)
  }

  /// The registry's leader has applied all that was committed when the request came.
  mutating func answerUnknownTopic(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) {
    let isKnown: Bool
    // It may have come in between.
    if let target = try? HTTPTarget(request.head.target), let name = try? target.item("topic") {
      isKnown = registry.number(of: name) != nil
    } else if request.head.method == .post, let body = try? request.decoded(ProduceRequest.init(_:)) {
      isKnown = registry.number(of: body.topic) != nil
    } else {
      isKnown = false
    }
    if isKnown { return take(exchange, request, &turn) }
    turn.reply(
      exchange, .failure(404, code: "UNKNOWN_TOPIC", message: "there is no topic of this name", field: "topic"), .immediately)
  }

  func topics() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("topics")
      writer.beginArray()
      for (number, topic) in registry.topics.enumerated() {
        writer.beginObject()
        topic.description.write(to: &writer)
        writer.name("partitions")
        writer.beginArray()
        for partition in 0..<QueueAPI.partitionCount {
          let group = group(topic: number, partition: partition)
          guard logs.indices.contains(Int(group.value) - 1) else { continue }
          let log = logs[Int(group.value) - 1]
          writer.beginObject()
          writer.member("partition", partition)
          writer.member("first_offset", log.firstOffset)
          writer.member("next_offset", log.nextOffset)
          if let leader = server.leader(of: group) { writer.member("leader", Int64(leader.value)) }
          writer.endObject()
        }
        writer.endArray()
        if topic.description.isCompacted {
          writer.name("full_partitions")
          writer.beginArray()
          for partition in fullPartitions(of: number) { writer.value(partition) }
          writer.endArray()
        }
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }

  /// Partitions of a compacted topic that keep so much on this broker that they are not compacted further.
  func fullPartitions(of topic: Int) -> [Int] {
    guard registry.topics[topic].description.isCompacted else { return [] }
    return (0..<QueueAPI.partitionCount).filter { partition in
      let place = Int(group(topic: topic, partition: partition).value) - 1
      return logs.indices.contains(place) && logs[place].isFull
    }
  }
}
