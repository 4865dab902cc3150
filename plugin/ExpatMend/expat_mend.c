/* Preloaded (LD_PRELOAD) into ParaView where the machine's libexpat breaks VTK's XML reading.
 *
 * libexpat 2.6.0, and Debian 12's 2.5.0-1+deb12u5, put off parsing a token that they have seen only a part of
 * ("re-parse deferral", the answer to CVE-2023-52425). VTK's readers stop feeding the parser in the middle of a document,
 * at the start of the raw <AppendedData>, and rely on what was fed having been parsed: with deferral they read 0 points,
 * and so does a rank that is sent data by RedistributeDataSet. XML_SetReparseDeferralEnabled is libexpat's own switch;
 * this calls it on every parser that is made.
 *
 * What that gives up: the guard against a quadratic parse of one huge token that arrives in small pieces. ParaView reads
 * files that its user opened and data that its own ranks sent, so a slow parse is the worst that can come of it.
 *
 * No libexpat header is needed, and a libexpat without the switch is left as it is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))

typedef struct XML_ParserStruct* XML_Parser; /* opaque, as in expat.h */
typedef char XML_Char;
typedef unsigned char XML_Bool;

typedef XML_Bool (*SetDeferral)(XML_Parser, XML_Bool);
typedef XML_Parser (*Create)(const XML_Char*);
typedef XML_Parser (*CreateNS)(const XML_Char*, XML_Char);
typedef XML_Parser (*CreateMM)(const XML_Char*, const void*, const XML_Char*);

/* RTLD_NEXT does not see a libexpat that came with a library opened RTLD_LOCAL (a Python extension, say), whose calls
 * end here all the same: without the second look such a process would get no parser at all. */
static void* real(const char* name)
{
  void* function = dlsym(RTLD_NEXT, name);
  if (function == NULL)
  {
    void* expat = dlopen("libexpat.so.1", RTLD_LAZY | RTLD_LOCAL);
    function = expat == NULL ? NULL : dlsym(expat, name);
  }
  return function;
}

/* The switch has to come from the library that made the parser: a process may hold two libexpats, and they do not agree
 * on what a parser looks like. */
static XML_Parser without_deferral(XML_Parser parser, void* maker)
{
  Dl_info info;
  if (parser != NULL && dladdr(maker, &info) != 0)
  {
    void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    SetDeferral set_deferral =
      library == NULL ? NULL : (SetDeferral)dlsym(library, "XML_SetReparseDeferralEnabled");
    if (set_deferral != NULL)
    {
      (void)set_deferral(parser, 0);
    }
    if (library != NULL)
    {
      (void)dlclose(library); /* gives back RTLD_NOLOAD's reference; the maker's own keeps it loaded */
    }
  }
  return parser;
}

EXPORTED XML_Parser XML_ParserCreate(const XML_Char* encoding)
{
  void* maker = real("XML_ParserCreate");
  return maker == NULL ? NULL : without_deferral(((Create)maker)(encoding), maker);
}

EXPORTED XML_Parser XML_ParserCreateNS(const XML_Char* encoding, XML_Char separator)
{
  void* maker = real("XML_ParserCreateNS");
  return maker == NULL ? NULL : without_deferral(((CreateNS)maker)(encoding, separator), maker);
}

EXPORTED XML_Parser XML_ParserCreate_MM(const XML_Char* encoding, const void* memory, const XML_Char* separator)
{
  void* maker = real("XML_ParserCreate_MM");
  return maker == NULL ? NULL : without_deferral(((CreateMM)maker)(encoding, memory, separator), maker);
}
