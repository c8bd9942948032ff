// ContextManager, by scripts.

import Testing
