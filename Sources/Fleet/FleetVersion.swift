/// Version of the fleet server and its command line.
package let fleetVersion = "0.1.0"
