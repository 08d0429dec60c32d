internal import Glibc

@main struct Command {
  static func main() { exit(0) }
}
