/// The version of edgepack.
package let packagerVersion = "0.1.0"
