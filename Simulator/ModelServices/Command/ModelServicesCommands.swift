// What model services add to the command: how they are served.

import Console
import ModelServicesServing

/// What they add.
package let modelServicesCommands = SystemCommands(serving: [ServeFormCommand<ServedModels>.self])
