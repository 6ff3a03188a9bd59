#include "gpu/device_info.hpp"

#include <gtest/gtest.h>

namespace muster::gpu {
namespace {

TEST(DeviceList, SaysWhyItIsEmptyOrDescribesEachDevice) {
  const DeviceList list = list_devices();
  EXPECT_EQ(list.devices.empty(), !list.why_none.empty());
  for (std::size_t i = 0; i < list.devices.size(); ++i) {
    EXPECT_EQ(list.devices[i].index, static_cast<int>(i));
    EXPECT_FALSE(list.devices[i].name.empty());
    EXPECT_GE(list.devices[i].compute_major, 7);  // CUDA 13 runs on nothing older
    EXPECT_GT(list.devices[i].memory_bytes, std::int64_t{1} << 30);
  }
}

TEST(CudaState, AgreesWithWhatIsLinked) {
  if (MUSTER_LINK_CUDA) {
    EXPECT_EQ(cuda_state(), "compiled and linked");
  } else {
    EXPECT_TRUE(cuda_state() == "compiled, not linked" || cuda_state() == "not compiled") << cuda_state();
    EXPECT_EQ(list_devices().why_none, "this binary is built without CUDA libraries");
  }
}

}  // namespace
}  // namespace muster::gpu
