import Raft
import Testing
