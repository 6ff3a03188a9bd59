#include "core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(Check, NamesThePlaceAndTheValues) {
  try {
    check(1 > 2, "rank={} world={}", 1, 2);
    FAIL() << "check() let a false condition pass";
  } catch (const InvariantError& error) {
    EXPECT_THAT(error.what(), testing::MatchesRegex(".*error_test.cpp:[0-9]+: rank=1 world=2"));
    EXPECT_EQ(error.code(), ExitCode::kBug);
  }
}

TEST(Error, KindsWithTheSameExitCodeAreDifferentTypes) {
  EXPECT_THROW(throw OutputError("disk full"), OutputError);
  try {
    throw OutputError("disk full");
  } catch (const DataError&) {
    FAIL() << "an OutputError is not a DataError";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
  }
}

}  // namespace
}  // namespace muster
