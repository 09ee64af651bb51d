# cmake -D SOURCE=... -D OUT=... -D RECSAE_VERSION=... [-D RECSAE_COMMIT=...] -P RecsaeStamp.cmake
# Writes version.cc for the commit that SOURCE is at, and leaves the file alone where it is the same.

find_program(git git)
# A release's archive has no .git, and one of a folder around it says nothing about it.
if(NOT RECSAE_COMMIT AND git AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${git} -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE RECSAE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  execute_process(COMMAND ${git} -C ${SOURCE} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(failed)
    set(RECSAE_COMMIT "")
  elseif(changes)
    string(APPEND RECSAE_COMMIT "+")
  endif()
endif()
configure_file(${SOURCE}/common/base/version.cc.in ${OUT} @ONLY)
