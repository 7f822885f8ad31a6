// Package statsapi is what can be asked of statistics: it reads a question, asks the store, and gives a report. GET
// /v1/stats, pages and other doors all go through Read and Ask, so that they understand the same and answer the same.
//
// What the figures are is said in internal/stats; who may ask is for the doors.
package statsapi
