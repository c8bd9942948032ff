// What the stores add to the command: how they are served.

import Console
import StoresServing

/// What the cache adds.
package let cacheCommands = SystemCommands(serving: [ServeFormCommand<ServedCache>.self])
