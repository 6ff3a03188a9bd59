// Muster's weight file: safetensors with every parameter and buffer by name, and a WeightsInfo under the metadata key `muster`.
// (interface by the lead; the implementation is the weights module's)
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "model/parameters.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

// fp32, in order of the store's names, then the buffers. Atomic. OutputError from the disk.
void write_weights(const std::filesystem::path& path, const model::ParameterStore& parameters,
                   const std::vector<model::NamedTensor>& buffers, const WeightsInfo& info);

// DataError when the file is none of ours or is damaged.
WeightsInfo read_weights_info(const std::filesystem::path& path);

// Copies every parameter and buffer from the file. DataError naming the first tensor that is missing, unexpected, or of
// another shape.
void read_weights(const std::filesystem::path& path, model::ParameterStore& parameters, const std::vector<model::NamedTensor>& buffers);

// For `checkpoint=`: everything but the class head; with `reuse_class_head` the head's rows of classes that have the same name
// too, and the no-object row. Names of classes whose rows stay fresh are returned.
std::vector<std::string> read_weights_for_finetuning(const std::filesystem::path& path, model::ParameterStore& parameters,
                                                     const std::vector<model::NamedTensor>& buffers,
                                                     const std::vector<WeightClass>& classes, bool reuse_class_head);

}  // namespace muster::weights
