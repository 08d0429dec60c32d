extension LabRange {
  /// All faults of the range.
  var faults: [Fault] { [] }
}
