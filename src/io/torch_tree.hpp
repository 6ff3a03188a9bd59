// What a pickle of torch.save describes, as named tensors that lie in a zip, and a Value of everything else.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/input_file.hpp"
#include "io/pickle.hpp"
#include "io/torch_file.hpp"
#include "io/value.hpp"
#include "io/zip_directory.hpp"

namespace muster::io {

struct TorchTree {
  Value values;
  std::vector<TorchTensor> tensors;
};

// `pickle_bytes` = length of the pickle's text, which bounds how large the tree may grow; `folder` = the one in the zip that holds
// data/<key>. Throws DataError, naming the file and the tensor, for storages that are missing or of another size, tensors that
// reach beyond theirs, keys that are no names, and trees that are too deep or repeat themselves.
TorchTree read_torch_tree(const Pickle& pickle, std::size_t pickle_bytes, const InputFile& file, const ZipDirectory& zip,
                          const std::string& folder);

}  // namespace muster::io
