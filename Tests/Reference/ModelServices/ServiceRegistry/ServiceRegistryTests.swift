// ServiceRegistry, by scripts.

import Testing
