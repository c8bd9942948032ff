// What the stores add to the command: how they are served, and what is measured of them.

import Console
import StoresServing

/// What the relational store adds.
package let storeCommands = SystemCommands(serving: [ServeFormCommand<ServedStore>.self], benches: [StoreBench.self])

/// What the cache adds.
package let cacheCommands = SystemCommands(serving: [ServeFormCommand<ServedCache>.self])
