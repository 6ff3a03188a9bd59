#include "model/matrix_kernels.hpp"

// MKL's mkl_cbwr_set(), under the name that LibTorch's CPU library exports; absent where that was built with another library.
extern "C" __attribute__((weak)) int mkl_serv_cbwr_set(int setting);

namespace muster::model {

bool keep_order_of_sums() noexcept {
  constexpr int kAuto = 2, kStrict = 0x10000, kSuccess = 0;  // mkl_types.h: MKL_CBWR_AUTO, MKL_CBWR_STRICT, MKL_CBWR_SUCCESS
  return mkl_serv_cbwr_set != nullptr && mkl_serv_cbwr_set(kAuto | kStrict) == kSuccess;
}

}  // namespace muster::model
