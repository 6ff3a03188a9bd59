// The contact sheet of an evaluation: image, truth and prediction of some samples.
#pragma once

#include <filesystem>

#include "data/class_list.hpp"
#include "data/shard_reader.hpp"
#include "model/block.hpp"
#include "report/contact_sheet.hpp"
#include "task/semantic_segmentation.hpp"

namespace muster::app {

// `count` samples, or all where there are fewer, evenly spread over the split. Truth and prediction are colours laid over the
// image; void shows the image alone.
report::ContactSheet evaluation_sheet(const task::SemanticSegmentation& task, model::BlockRunner& runner, const data::ShardReader& reader,
                                      const data::TrainClasses& classes, int count);

// As PNG, with the folders that are missing. OutputError.
void write_contact_sheet(const std::filesystem::path& path, const report::ContactSheet& sheet);

}  // namespace muster::app
