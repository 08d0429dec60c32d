/// A day as mdoc(7) writes it.
public enum ManualDate {
  /// The day in UTC of a time since 1970: `November 27, 2026`.
  public static func text(secondsSince1970 seconds: Int) -> String {
    // Days of years that begin in March, from 0000-03-01 on; 400 years have 146,097 days.
    let days = Int((Double(seconds) / 86_400).rounded(.down)) + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let year = era * 400 + yearOfEra + (month >= 10 ? 1 : 0)
    let names = [
      "March", "April", "May", "June", "July", "August", "September", "October", "November",
      "December", "January", "February",
    ]
    return "\(names[month]) \(day), \(year)"
  }
}
