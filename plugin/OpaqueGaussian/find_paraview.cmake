# Included by the build and by the probe, so that both ask for the same.
#
# Naming the one component keeps the list of packages short: without it ParaView looks for all that any of it was built
# with (Qt, GDAL, FFmpeg, ...).
find_package(ParaView QUIET COMPONENTS RemotingViews)

# Nothing here includes their headers or links to them. But ParaView's exported targets name them as what they were linked
# with, and CMake wants a target of each name to exist; its config files look for them only when all of ParaView is asked for.
foreach (unused IN ITEMS Freetype::Freetype GLEW::GLEW PNG::PNG Python3::Module)
  if (NOT TARGET ${unused})
    add_library(${unused} INTERFACE IMPORTED)
  endif ()
endforeach ()
