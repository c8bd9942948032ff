// What model services add to the command: how they are served, and what is measured of them.

import Console
import ModelServicesServing

/// What they add.
package let modelServicesCommands = SystemCommands(
  serving: [ServeFormCommand<ServedModels>.self], benches: [ModelsBench.self, EvictionsBench.self])
