// Model services: Checking.

import Testing
