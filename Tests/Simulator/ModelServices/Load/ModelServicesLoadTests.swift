// Model services: Load.

import Testing
