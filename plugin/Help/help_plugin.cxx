// A ParaView plugin whose one content is a file of help pages. ParaView's own macros can add pages only to a plugin that also
// defines the proxies; here those come from the XML, which is a plugin of its own.

#include "help_pages.h"
#include "vtkPVPlugin.h"

#include <string>
#include <vector>

class DaskHelpPlugin : public vtkPVPlugin
{
public:
  const char* GetPluginName() override { return "DaskHelp"; }
  const char* GetPluginVersionString() override { return "1.0"; }
  bool GetRequiredOnServer() override { return false; }
  bool GetRequiredOnClient() override { return false; }
  const char* GetRequiredPlugins() override { return ""; }
  const char* GetDescription() override { return "Help pages of the Dask sources and filters."; }
  const char* GetEULA() override { return nullptr; }

  // ParaView takes them base64-coded, and registers each with its help window.
  void GetBinaryResources(std::vector<std::string>& resources) override
  {
    std::string pages;
    for (const char* part : help_pages)
    {
      pages += part;
    }
    resources.push_back(pages);
  }
};

PV_PLUGIN_EXPORT(DaskHelp, DaskHelpPlugin)
