#include "report/terminal.hpp"

#include <thread>

#include <unistd.h>

#include <gtest/gtest.h>

namespace muster::report {
namespace {

// The reading end of a pipe that a Terminal writes to.
class TerminalTest : public testing::Test {
 protected:
  TerminalTest() { EXPECT_EQ(::pipe(ends_), 0); }
  ~TerminalTest() override { ::close(ends_[0]); }

  std::string output() {
    ::close(ends_[1]);
    std::string text(65536, '\0');
    text.resize(static_cast<std::size_t>(::read(ends_[0], text.data(), text.size())));
    return text;
  }

  int ends_[2] = {};
};

TEST_F(TerminalTest, WritesPlainLinesAndNoLiveLineWhenItIsNone) {
  Terminal terminal(ends_[1]);
  EXPECT_FALSE(terminal.is_interactive());
  terminal.print("one");
  terminal.show("live");
  terminal.print("two");
  terminal.finish();
  EXPECT_EQ(output(), "one\ntwo\n");
}

TEST_F(TerminalTest, KeepsTheLiveLineBelowFinishedOnes) {
  Terminal terminal(ends_[1], true, 80);
  terminal.show("step 1");
  terminal.print("saved");
  terminal.finish();
  EXPECT_EQ(output(), "\r\x1b[2Kstep 1\r\x1b[2Ksaved\n\r\x1b[2Kstep 1\r\x1b[2Kstep 1\n");
}

TEST_F(TerminalTest, RedrawsAtMostTenTimesASecondAndEndsWithTheLastText) {
  Terminal terminal(ends_[1], true, 80);
  const auto start = std::chrono::steady_clock::now();
  int shown = 0;
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(250)) {
    terminal.show("step " + std::to_string(++shown));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  terminal.finish();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string text = output();
  int draws = 0;
  for (std::size_t at = text.find('\r'); at != std::string::npos; at = text.find('\r', at + 1)) {
    ++draws;
  }
  EXPECT_GE(draws, 2);
  EXPECT_LE(draws, static_cast<int>(seconds * 10) + 2);  // one at once, and one by finish()
  const std::string last = "step " + std::to_string(shown) + "\n";
  EXPECT_EQ(text.substr(text.size() - last.size()), last);
}

TEST_F(TerminalTest, CutsTheLiveLineToTheWidth) {
  Terminal terminal(ends_[1], true, 5);
  terminal.show("0123456789");
  EXPECT_EQ(output(), "\r\x1b[2K0123");
}

}  // namespace
}  // namespace muster::report
