// What the monitoring platform and its queue add to the command: how they are served, what is measured of them, and verbs
// of their own.

import Console
import MonitoringServing

/// What the monitoring platform adds.
package let monitoringCommands = SystemCommands(
  serving: [ServeFormCommand<ServedMonitoring>.self], benches: [MonitoringBench.self], verbs: [FeedCommand.self])

/// What the queue adds.
package let queueCommands = SystemCommands(
  serving: [ServeFormCommand<ServedQueue>.self], benches: [QueueBench.self], verbs: [BrokersCommand.self])
