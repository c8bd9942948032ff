// Words that are pasted into a shell.

import Testing
import Wire

struct ShellWordTests {
  @Test(arguments: [
    ("calm", "calm"), ("a b.yaml", "'a b.yaml'"), ("", "''"), ("it's", "'it'\\''s'"), ("$HOME", "'$HOME'"), ("*.csv", "'*.csv'"),
    ("1..100", "1..100"), ("~/x", "'~/x'"), ("a;b", "'a;b'"), ("1=127.0.0.1:7001", "1=127.0.0.1:7001"), ("caf\u{e9}", "'caf\u{e9}'"),
    ("a\nb", "'a\nb'"), ("\\", "'\\'"), ("#x", "'#x'"), ("!!", "'!!'"),
  ])
  func wordsMeanTheirText(_ text: String, _ word: String) {
    #expect(shellWord(text) == word)
  }

  @Test func quotesAreAddedWhereAsked() {
    #expect(shellWord("calm", always: true) == "'calm'")
  }
}
