/// A board: one file in `Boards`, one line in `Boards.all`.
protocol BoardFile: Sendable {
  /// The board; nil if the site has nothing to show on it.
  static func board(_ site: BoardSite) -> Board?
}

/// All boards, in the order of the menu.
public enum Boards {
  static let all: [any BoardFile.Type] = [
    ClusterBoard.self, ServersBoard.self, HostBoard.self, NetworkBoard.self, ChallengesBoard.self,
    PowerBoard.self, GPUBoard.self, MonitorBoard.self, BlackBoard.self, GreenBoard.self,
    BlueBoard.self, RedBoard.self, PurpleBoard.self, YellowBoard.self,
  ]

  /// The boards of a site.
  public static func of(_ site: BoardSite) -> [Board] {
    all.compactMap { $0.board(site)?.inResolutions(site.policies) }
  }
}
