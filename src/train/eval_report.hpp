// The scores of an evaluation as a table for the terminal and as eval.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "train/evaluation.hpp"

namespace muster::train {

// "miou 0.4123   miou_model 0.4051", then a line per class.
std::string score_table(const EvaluationResult& result);

// {"miou": ..., "miou_model": ..., "iou": {"water": ...}, "num_images": ..., "split": ..., "model": ..., "step": ...}
// A score that no pixel decided (a class that occurs nowhere) is null.
std::string eval_json(const EvaluationResult& result, const std::string& split, const std::string& model, std::int64_t step);
void write_eval_json(const std::filesystem::path& path, const EvaluationResult& result, const std::string& split, const std::string& model,
                     std::int64_t step);

}  // namespace muster::train
