// What model services add to the command.

import Console

/// What they add.
package let modelServicesCommands = SystemCommands()
