// What the system refused, in sentences: what, where, why, and what to do about it.

import Foundation
import Live

extension InputProblem {
  /// What keeps `what` from running. `address` and `folder` say how the command is told of other ones; nil where it is
  /// not.
  package init(_ what: String, _ error: LiveHostError, address: String? = nil, folder: String? = nil) {
    let advice =
      switch error.cause {
      case .addressInUse, .addressUnusable: address.map { ": give another with \($0)" }
      case .directoryInUse: folder.map { ": stop it, or give another folder with \($0)" }
      case .directoryUnusable: folder.map { ": give another folder with \($0)" }
      // These say themselves what an operator can do.
      case .refused, .tooFewDescriptors, .unsecured: nil as String?
      }
    self.init(description: "\(what): \(error)\(advice ?? "")", exitCode: Exit.couldNotRun)
  }

  /// `path`, which was given with `option`, cannot be written.
  package static func unwritable(_ path: String, _ error: any Error, option: String) -> InputProblem {
    InputProblem(
      description: "\(path) cannot be written (\(reason(error))): give another with \(option)", exitCode: Exit.couldNotRun)
  }

  /// Why a call of Foundation failed, in the system's words where it knows them.
  package static func reason(_ error: any Error) -> String {
    let whole = error as NSError
    let causes = [whole, (whole.userInfo[NSUnderlyingErrorKey] as? any Error).map { $0 as NSError }].compactMap { $0 }
    if let system = causes.first(where: { $0.domain == NSPOSIXErrorDomain }) { return SystemError("", Int32(system.code)).reason }
    return whole.localizedDescription
  }
}
