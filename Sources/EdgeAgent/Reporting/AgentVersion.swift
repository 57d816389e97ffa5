/// Version of the agent and its command line.
package let agentVersion = "0.1.0"
