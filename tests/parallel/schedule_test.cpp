#include "parallel/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::parallel {
namespace {

using testing::ElementsAre;

// stem, two blocks, a head that is used between them and at the end, and a frozen unit that borrows from the stem.
std::vector<UnitSize> units() {
  return {{.name = "stem", .gradient_bytes = 40, .borrows = {}},
          {.name = "blocks.0", .gradient_bytes = 80, .borrows = {}},
          {.name = "blocks.1", .gradient_bytes = 80, .borrows = {}},
          {.name = "head", .gradient_bytes = 20, .borrows = {}},
          {.name = "frozen", .gradient_bytes = 0, .borrows = {0}}};
}

constexpr int kStem = 0, kBlock0 = 1, kBlock1 = 2, kHead = 3, kFrozen = 4;

std::vector<int> reduced(const std::vector<Action>& actions) {
  std::vector<int> result;
  for (const Action& action : actions) {
    if (action.kind == ActionKind::kReduce) {
      result.push_back(action.unit);
    }
  }
  return result;
}

void forward(Schedule& schedule) {
  for (const int unit : {kStem, kBlock0, kHead, kBlock1, kHead, kFrozen}) {
    schedule.pre_forward(unit);
  }
}

TEST(Schedule, ReducesEachUnitAfterTheBackwardOfItsLastUse) {
  Schedule schedule(Preset{}, units());
  schedule.begin_step(1);
  forward(schedule);
  EXPECT_THAT(reduced(schedule.post_backward(kFrozen)), ElementsAre());
  EXPECT_THAT(reduced(schedule.post_backward(kHead)), ElementsAre());
  EXPECT_THAT(reduced(schedule.post_backward(kBlock1)), ElementsAre(kBlock1));
  EXPECT_THAT(reduced(schedule.post_backward(kHead)), ElementsAre(kHead));
  EXPECT_THAT(reduced(schedule.post_backward(kBlock0)), ElementsAre(kBlock0));
  EXPECT_THAT(reduced(schedule.post_backward(kStem)), ElementsAre(kStem));
  EXPECT_THAT(reduced(schedule.end_micro_step()), ElementsAre());
  EXPECT_THAT(schedule.end_step(), ElementsAre(Action{.kind = ActionKind::kWaitForReduces}));
}

TEST(Schedule, KeepsTheOrderWhenBackwardFinishesUnitsInAnother) {
  Schedule schedule(Preset{}, units());
  schedule.begin_step(1);
  forward(schedule);
  EXPECT_THAT(reduced(schedule.post_backward(kFrozen)), ElementsAre());
  EXPECT_THAT(reduced(schedule.post_backward(kBlock0)), ElementsAre());  // early: waits for its turn
  EXPECT_THAT(reduced(schedule.post_backward(kBlock1)), ElementsAre(kBlock1));
  EXPECT_THAT(reduced(schedule.post_backward(kHead)), ElementsAre());
  EXPECT_THAT(reduced(schedule.post_backward(kHead)), ElementsAre(kHead, kBlock0));
  EXPECT_THAT(reduced(schedule.post_backward(kStem)), ElementsAre(kStem));
}

TEST(Schedule, ReducesInTheLastMicroStepOnlyAndAlsoWhatHadNoBackward) {
  Schedule schedule(Preset{}, units());
  schedule.begin_step(2);
  forward(schedule);
  for (const int unit : {kFrozen, kHead, kBlock1, kHead, kBlock0, kStem}) {
    EXPECT_THAT(schedule.post_backward(unit), ElementsAre());
  }
  EXPECT_THAT(schedule.end_micro_step(), ElementsAre());
  forward(schedule);
  EXPECT_THAT(reduced(schedule.post_backward(kBlock1)), ElementsAre(kBlock1));
  EXPECT_THAT(reduced(schedule.end_micro_step()), ElementsAre(kHead, kBlock0, kStem));
}

TEST(Schedule, ALenderIsReducedAfterTheBorrowersBackward) {
  Schedule schedule(Preset{}, units());
  schedule.begin_step(1);
  schedule.pre_forward(kStem);
  schedule.pre_forward(kFrozen);
  EXPECT_THAT(reduced(schedule.post_backward(kStem)), ElementsAre());
  EXPECT_THAT(reduced(schedule.post_backward(kFrozen)), ElementsAre(kStem));
}

TEST(Schedule, RefusesEventsOutOfOrder) {
  Schedule schedule(Preset{}, units());
  EXPECT_THROW(schedule.pre_forward(kStem), InvariantError);
  schedule.begin_step(1);
  EXPECT_THROW(schedule.post_backward(kStem), InvariantError);
  EXPECT_THROW(schedule.end_step(), InvariantError);
}

}  // namespace
}  // namespace muster::parallel
