// What commands about weights take and print as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/scalar_type.hpp"
#include "io/value.hpp"
#include "weights/load_plan.hpp"

namespace muster::app {

// "fp32", "bf16", "fp16"; none for "stored". ConfigError for others.
std::optional<ScalarType> type_named(const std::string& name);

// "5GB", "200 MB", "1000": decimal units, as Hugging Face counts. ConfigError, naming `key`, for what is no size above 0.
std::int64_t bytes_of_size(const std::string& text, const std::string& key);

// {form, hash, loaded, made, skipped, kept, missing, unexpected, notes} for --json.
io::Value plan_value(const weights::LoadPlan& plan);

}  // namespace muster::app
