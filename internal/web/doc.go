// Package web is the wallboard's pages: templates, texts in English and Polish, pictures and assets, embedded in the
// binary. It makes HTML of what it is handed and decides nothing: who may see what, and what is asked of the database, is
// httpapi's business. It knows the types of records, and must not know the store.
//
// A page is server-rendered and works without scripts; what a script adds comes as an ES module from assets. Nothing on a
// page is inline, nothing comes from another host, and the Content-Security-Policy ([Policy]) holds browsers to that.
package web
