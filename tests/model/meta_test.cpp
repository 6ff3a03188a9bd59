// Models without memory: device meta holds shapes only, so 7B is built on any machine.
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "model/model.hpp"
#include "model/parameters.hpp"

namespace muster::model {
namespace {

// Bytes of this process in memory, from the second field of /proc/self/statm.
std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(Model, SevenBillionParametersOnMetaTakeNoMemory) {
  EomtOptions options;
  options.num_queries = 200;
  const at::TensorOptions meta = at::TensorOptions(at::kFloat).device(at::kMeta);
  const std::int64_t before = resident_bytes();
  const auto model = make_model("dinov3/vit7b16-eomt", options, 133, {.device = at::kMeta, .weights_follow = true});
  const ParameterStore store(model->units(), meta);
  EXPECT_LT(resident_bytes() - before, 16 << 20) << "segments of 27 GB, gradients as large";
  EXPECT_GT(parameter_count(*model), 6'716'035'072);
  std::int64_t elements = 0;
  for (const Segment& segment : store.segments()) {
    EXPECT_TRUE(segment.data.is_meta()) << segment.layout.name();
    EXPECT_TRUE(!segment.grad.defined() || segment.grad.is_meta()) << segment.layout.name();
  }
  for (const std::string& name : store.names()) {
    elements += store.tensor(name).numel();
  }
  EXPECT_EQ(elements, parameter_count(*model));
}

TEST(Model, BuffersLieOnTheDeviceAndInTheTypeThatWereAskedFor) {
  for (const char* name : {"dinov3/vitl16", "dinov2/vitg14"}) {
    const auto model = make_model(name, {}, 0, {.dtype = at::kBFloat16, .device = at::kMeta, .weights_follow = true});
    for (const NamedTensor& buffer : model->buffers()) {
      EXPECT_TRUE(buffer.tensor.is_meta()) << buffer.name;
      EXPECT_EQ(buffer.tensor.scalar_type(), at::kBFloat16) << buffer.name;
    }
  }
}

}  // namespace
}  // namespace muster::model
