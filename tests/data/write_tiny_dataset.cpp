// Packs the tiny data set into the folder named on the command line, for read_with_h5py.py.
#include <filesystem>

#include "data/tiny_dataset.hpp"

int main(int count, char** arguments) {
  if (count != 2) {
    return 2;
  }
  std::filesystem::create_directories(arguments[1]);
  muster::data::pack_tiny(arguments[1], 11, 3);
  return 0;
}
