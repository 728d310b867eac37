# A workspace that is a folder on the provisioner's machine, with an agent that runs in it.
# It needs no cloud: the folder is made by commands of `terraform_data`.

terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = "~> 2.4"
    }
  }
}

variable "machines" {
  type        = string
  description = "The folder on the provisioner's machine in which workspaces are made."
  default     = "/tmp/dormouse-machines"
}

data "coder_provisioner" "here" {}
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

data "coder_parameter" "greeting" {
  name         = "greeting"
  display_name = "Greeting"
  description  = "Written into the workspace when it starts."
  default      = "hello"
  mutable      = true
  order        = 1
}

data "coder_parameter" "size" {
  name         = "size"
  display_name = "Size"
  type         = "number"
  form_type    = "slider"
  default      = 2
  mutable      = true
  order        = 2
  validation {
    min = 1
    max = 8
  }
}

data "coder_parameter" "shell" {
  name         = "shell"
  display_name = "Shell"
  default      = "sh"
  mutable      = true
  order        = 3
  option {
    name  = "POSIX shell"
    value = "sh"
  }
  option {
    name  = "Bash"
    value = "bash"
  }
}

data "coder_parameter" "keep_awake" {
  name         = "keep_awake"
  display_name = "Keep awake"
  type         = "bool"
  default      = "false"
  mutable      = true
  ephemeral    = true
  order        = 4
}

data "coder_workspace_preset" "ready" {
  name        = "Ready"
  description = "One is always ready; taking it takes seconds."
  parameters = {
    greeting = "good to see you"
    size     = "2"
    shell    = "sh"
  }
  prebuilds {
    instances = 1
  }
}

locals {
  home = "${var.machines}/${data.coder_workspace.me.id}"
}

resource "coder_agent" "main" {
  os             = data.coder_provisioner.here.os
  arch           = data.coder_provisioner.here.arch
  dir            = local.home
  startup_script = "date > started"

  metadata {
    key          = "disk"
    display_name = "Disk"
    script       = "du -sh . | cut -f1"
    interval     = 60
    timeout      = 10
  }
}

resource "coder_env" "shell" {
  agent_id = coder_agent.main.id
  name     = "WORKSPACE_SHELL"
  value    = data.coder_parameter.shell.value
}

resource "coder_script" "welcome" {
  agent_id     = coder_agent.main.id
  display_name = "Welcome"
  icon         = "/emojis/1f44b.png"
  script       = "cat greeting"
  run_on_start = true
}

resource "coder_app" "files" {
  agent_id     = coder_agent.main.id
  slug         = "files"
  display_name = "Files"
  icon         = "/emojis/1f4c1.png"
  url          = "http://localhost:8000"
}

resource "coder_app" "docs" {
  agent_id     = coder_agent.main.id
  slug         = "docs"
  display_name = "Documentation"
  url          = "${data.coder_workspace.me.access_url}/docs"
  external     = true
}

# What stays while the workspace is stopped.
resource "terraform_data" "home" {
  input = local.home

  provisioner "local-exec" {
    command = "mkdir -p \"$HOME_OF_WORKSPACE\""
    environment = {
      HOME_OF_WORKSPACE = self.input
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm -rf \"$HOME_OF_WORKSPACE\""
    environment = {
      HOME_OF_WORKSPACE = self.input
    }
  }
}

resource "coder_metadata" "home" {
  resource_id = terraform_data.home.id
  icon        = "/emojis/1f3e0.png"
  item {
    key   = "path"
    value = local.home
  }
  # A start or a stop that would destroy it is refused.
  item {
    key   = "persistent"
    value = "true"
  }
}

# What runs while the workspace is started: the switch of the machine, which runs its agent.
resource "terraform_data" "machine" {
  count = data.coder_workspace.me.start_count

  input            = terraform_data.home.output
  triggers_replace = [coder_agent.main.token, data.coder_parameter.size.value]

  provisioner "local-exec" {
    command = "sh \"$MODULE/switch-on.sh\""
    environment = {
      MODULE   = path.module
      MACHINE  = self.input
      URL      = trimsuffix(data.coder_workspace.me.access_url, "/")
      TOKEN    = coder_agent.main.token
      GREETING = data.coder_parameter.greeting.value
      SIZE     = data.coder_parameter.size.value
    }
  }
  provisioner "local-exec" {
    when = destroy
    # A folder that is gone has no machine either.
    command = "cd \"$MACHINE\" 2>/dev/null || exit 0; sh machine.sh off; rm -f agent-token"
    environment = {
      MACHINE = self.input
    }
  }
}
