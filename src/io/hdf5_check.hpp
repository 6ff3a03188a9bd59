// How results of HDF5 calls become errors. For the sources of io/hdf5.hpp alone.
#pragma once

#include <string>

#include <hdf5.h>

#include "core/error.hpp"

namespace muster::io {

// HDF5 prints its error stack to stderr by itself, per thread, until told not to. Every public function holds one of these.
struct QuietHdf5 {
  QuietHdf5();
};

// "unable to open file (H5F_open); bad superblock (H5FD_sec2_open)", outermost first; empties the stack.
std::string take_hdf5_stack();

// The file an object lies in, and its path there: "a/train-00000.h5:/index".
std::string hdf5_place(hid_t object);
// The same for a member of it: "a/train-00000.h5:/index/key".
std::string hdf5_place(hid_t parent, const char* name);

// Passes a good result through (ids and herr_t alike are negative on failure).
template <class ErrorType, class Result>
Result check_hdf5(Result result, const std::string& what) {
  if (result < 0) {
    throw ErrorType("{}: {}", what, take_hdf5_stack());
  }
  return result;
}

}  // namespace muster::io
