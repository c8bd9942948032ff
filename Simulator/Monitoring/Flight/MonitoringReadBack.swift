// What the probe asks after a flight: every message of every partition, every point that storage holds, counts and sums
// of the query engine, and the alerts. Checkers read the recorded answers.

import Load
import MonitoringAPI
import MonitoringLoad
import Vocabulary
import Wire

/// Makes the calls of the probe.
public enum MonitoringReadBack {
  /// The measurements that the loads write.
  static func measurements(_ part: MonitoringPart) -> [String] {
    part.loads.flatMap { load -> [String] in
      switch load {
      case .metrics(let load):
        let plan = MetricsLoadPlan(
          arrivals: Arrivals(perSecond: 1, spacing: .even), until: .zero, clients: 1, name: load.name, names: load.names)
        return (0..<load.names).map { plan.metricName($0) }
      case .signal(let load): return [load.name]
      case .replay: return []
      }
    }
  }

  /// All calls, in order.
  static func calls(_ part: MonitoringPart, queue: Endpoint, storage: Endpoint, query: Endpoint, alerting: Endpoint) -> [ScriptedCall] {
    var calls: [ScriptedCall] = []
    for partition in 0..<QueueAPI.partitionCount { calls.append(consume(queue, partition, from: 0)) }
    for measurement in measurements(part) {
      calls.append(ScriptedCall(storage, storageQuery(measurement)))
      calls.append(ScriptedCall(query, engineQuery(measurement)))
    }
    // Who refused to start answers nothing.
    if !part.alertingRefusesDamage { calls.append(ScriptedCall(alerting, Request(.get, "/alerts"))) }
    return calls
  }

  /// Averages, sums and counts of five minutes, of every series of a recording.
  public static func calls(_ recording: Recording, query: Endpoint) -> [ScriptedCall] {
    recording.series.map { series in
      let first = series.rows.first?.timestampMilliseconds ?? 0
      let last = series.rows.last?.timestampMilliseconds ?? 0
      let name = printedName(series.name)
      return ScriptedCall(
        query,
        queryRequest(
          "SELECT avg(\(name)), sum(\(name)), count(\(name)) "
            + "WHERE time >= \(first) AND time < \(last + 1) GROUP BY time(5m)"))
    }
  }

  /// Reads a partition to its end, answer by answer.
  private static func consume(_ queue: Endpoint, _ partition: Int, from offset: Int64) -> ScriptedCall {
    ScriptedCall(queue, ConsumeRequest(partition: partition, offset: offset, count: 1_000).request()) { response in
      guard let document = try? response.document(), let answer = try? ConsumeResponse(document), !answer.messages.isEmpty else {
        return []
      }
      return [consume(queue, partition, from: answer.nextOffset)]
    }
  }

  /// All points of a measurement.
  private static func storageQuery(_ measurement: String) -> Request {
    StorageQueryRequest(measurement: measurement, range: TimeRange(startNanoseconds: 0, endNanoseconds: Int64.max)).request()
  }

  /// Count and sum of the points of a measurement in a stretch of time, in milliseconds since 1970; by default all till
  /// 2100.
  static func engineQuery(
    _ measurement: String, fromMilliseconds from: Int64 = 0, untilMilliseconds until: Int64 = 4_102_444_800_000
  ) -> Request {
    let name = printedName(measurement)
    let text = "SELECT count(\(name)), sum(\(name)) WHERE time >= \(from) AND time < \(until)"
    return queryRequest(text)
  }

  private static func queryRequest(_ text: String) -> Request {
    let body = Response.json(200) { writer in
      writer.beginObject()
      writer.member("query", text)
      writer.endObject()
    }.body
    return Request(.post, "/query", headers: ["content-type": "application/json"], body: body)
  }
}
