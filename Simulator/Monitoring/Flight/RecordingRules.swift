// The alert rules that are made of a recording's labels, and how a rule is set up.

import Load
import MonitoringLoad
import Vocabulary
import Wire

/// Rules on recorded series.
public enum RecordingRules {
  /// How many rules are made of a recording's labels.
  public static let maximum = 5

  /// Rules on a recording's clearest anomalies.
  public static func rules(on recording: Recording?) -> [MonitoringPart.Rule] {
    (recording?.rules(atMost: maximum) ?? []).map {
      MonitoringPart.Rule(name: $0.name, query: $0.query, duration: "0s", channels: ["webhook"], missingData: nil)
    }
  }

  /// Sets a rule up. A name that is taken already counts as set up: the answer to the first try may have been lost.
  public static func call(_ rule: MonitoringPart.Rule, _ alerting: Endpoint) -> ScriptedCall {
    let body = Response.json(200) { writer in
      writer.beginObject()
      writer.member("name", rule.name)
      writer.member("query", rule.query)
      writer.member("duration", rule.duration)
      writer.name("channels")
      writer.beginArray()
      for channel in rule.channels { writer.value(channel) }
      writer.endArray()
      if let missingData = rule.missingData { writer.member("missing_data", missingData) }
      writer.endObject()
    }.body
    return ScriptedCall(
      alerting, Request(.post, "/rules", headers: ["content-type": "application/json"], body: body), accepts: 200...409)
  }
}
