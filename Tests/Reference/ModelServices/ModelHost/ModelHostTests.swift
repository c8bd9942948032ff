// ModelHost, by scripts.

import Testing
