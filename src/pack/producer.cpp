#include "pack/producer.hpp"

#include <cstddef>
#include <cstdio>  // jpeglib.h wants FILE

#include <jpeglib.h>
#include <libdeflate.h>

namespace muster::pack {

#define MUSTER_TEXT_OF_VALUE(x) #x
#define MUSTER_TEXT_OF(x) MUSTER_TEXT_OF_VALUE(x)

std::map<std::string, std::string> producer_versions() {
  return {{"muster", MUSTER_VERSION}, {"libjpeg-turbo", MUSTER_TEXT_OF(LIBJPEG_TURBO_VERSION)}, {"libdeflate", LIBDEFLATE_VERSION_STRING}};
}

std::string producer_line() {
  return "muster " MUSTER_VERSION;
}

}  // namespace muster::pack
