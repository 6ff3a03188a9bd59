# Language level, warnings, linker, compiler cache and sanitizers: everything that is a property of the build, not of a module.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

# Several sources in one translation unit, where a build is made once and thrown away: headers are most of what is compiled.
# Names in anonymous namespaces are therefore unique in their module. Set by presets; the programmer's build goes without.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 6 CACHE STRING "Sources in one translation unit, with CMAKE_UNITY_BUILD=ON")

find_program(CCACHE ccache)
if(CCACHE)
  # A precompiled header changes what ccache may assume; these two settings are the ones its manual asks for.
  set(_launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  # Debian 12's mold (1.10.1) lays a small .tbss before the read-only pages; where it ends a page alone, the loader protects a page that is
  # not there and the program does not start. Without that protection there is nothing to lay wrong.
  add_link_options(-fuse-ld=mold -Wl,-z,norelro)
endif()

add_library(muster_flags INTERFACE)
# Off: two flow warnings of GCC 12 that fire inside libstdc++ (`"literal" + std::string`, its bug 105651) and inside fmt (fmt::join).
target_compile_options(muster_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-restrict -Wno-stringop-overflow -Werror>)
if(CMAKE_UNITY_BUILD)
  # What GCC says of a class with members of an anonymous type in a header, which it takes an included source for.
  target_compile_options(muster_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(MUSTER_SANITIZE)
  set(_sanitize -fsanitize=${MUSTER_SANITIZE} -fno-omit-frame-pointer)
  if(NOT MUSTER_SANITIZE MATCHES thread)
    # Not checked by UBSan: what AddressSanitizer finds anyway (null, object-size), and types of objects behind virtual calls: checks at every pointer, a fifth and more of the time to compile.
    list(APPEND _sanitize -fno-sanitize=null,object-size,vptr -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(muster_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${_sanitize}>)
  target_link_options(muster_flags INTERFACE ${_sanitize})
endif()
